/** Labels on every container, volume and network of ours. Nothing without our install id is ever touched. */
export const labels = {
  /** Which installation it belongs to (`install id`, made once, kept in the data folder). */
  install: "io.whatsapp-engine.install",
  profile: "io.whatsapp-engine.profile",
  runner: "io.whatsapp-engine.runner",
  /** Number of the runner among those of its profile. */
  generation: "io.whatsapp-engine.generation",
  /** For people who read `docker ps`; the engine never decides by it. */
  session: "io.whatsapp-engine.session",
  /** What a container of ours is for that is no runner, and that nothing waits for once it is old. */
  purpose: "io.whatsapp-engine.purpose",
} as const;
