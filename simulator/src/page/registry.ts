/** WhatsApp Web's module registry: what `window.require` answers from. */
export const createRegistry = (areas: readonly Record<string, unknown>[]) => {
  const modules: Record<string, unknown> = Object.assign({}, ...areas);
  return (name: string): unknown => {
    if (!Object.hasOwn(modules, name)) throw new Error(`The simulator does not offer the module "${name}".`);
    return modules[name];
  };
};
