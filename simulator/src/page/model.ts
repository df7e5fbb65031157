type Listener = (...args: never[]) => void;
type Registration = { listener: Listener; context: unknown };

/** Events as WhatsApp Web's models have them; names may be several, separated by spaces. */
export class Emitter {
  #registrations = new Map<string, Registration[]>();

  on(events: string, listener: Listener, context?: unknown): this {
    for (const event of events.split(" ")) {
      this.#registrations.set(event, [...(this.#registrations.get(event) ?? []), { listener, context }]);
    }
    return this;
  }

  once(events: string, listener: Listener, context?: unknown): this {
    const first = (...args: never[]) => {
      this.off(events, first);
      listener.apply(context, args);
    };
    return this.on(events, first, context);
  }

  off(events?: string, listener?: Listener): this {
    for (const event of events?.split(" ") ?? [...this.#registrations.keys()]) {
      const kept = (this.#registrations.get(event) ?? []).filter(
        (one) => listener && one.listener !== listener,
      );
      this.#registrations.set(event, kept);
    }
    return this;
  }

  trigger(event: string, ...args: unknown[]): this {
    for (const { listener, context } of this.#registrations.get(event) ?? []) {
      listener.apply(context, args as never[]);
    }
    return this;
  }
}

/** A model whose attributes are its own properties, so that they cross to Node as WhatsApp Web's do. */
export class Model<Attributes extends object> extends Emitter {
  #parents = new Set<Emitter>();

  constructor(attributes: Attributes) {
    super();
    Object.assign(this, attributes);
  }

  set(changes: Partial<Attributes>): this {
    const own = this as unknown as Record<string, unknown>;
    const changed = Object.entries(changes).filter(([name, value]) => own[name] !== value);
    const before = Object.fromEntries(changed.map(([name]) => [name, own[name]]));
    Object.assign(this, Object.fromEntries(changed));
    for (const [name, value] of changed) this.trigger(`change:${name}`, this, value, before[name]);
    if (changed.length > 0) this.trigger("change", this);
    return this;
  }

  serialize(): Record<string, unknown> {
    return { ...this } as Record<string, unknown>;
  }

  toJSON(): Record<string, unknown> {
    return this.serialize();
  }

  override trigger(event: string, ...args: unknown[]): this {
    super.trigger(event, ...args);
    for (const parent of this.#parents) parent.trigger(event, ...args);
    return this;
  }

  /** What happens to this model is told to `parent` too. */
  attachTo(parent: Emitter): void {
    this.#parents.add(parent);
  }

  detachFrom(parent: Emitter): void {
    this.#parents.delete(parent);
  }
}

type Identified = Model<never> & { id: { toString(): string } };

/** Models by the text of their id. */
export class Collection<M extends Identified> extends Emitter {
  #models = new Map<string, M>();

  get length(): number {
    return this.#models.size;
  }

  get(id: unknown): M | undefined {
    return this.#models.get(String(id));
  }

  getModelsArray(): M[] {
    return [...this.#models.values()];
  }

  /** Adds the model, or answers the one that stands under its id already. */
  add(model: M): M {
    const known = this.get(model.id);
    if (known) return known;
    this.#models.set(String(model.id), model);
    model.attachTo(this);
    this.trigger("add", model, this);
    return model;
  }

  /** Adds models before all others. */
  addFirst(models: M[]): M[] {
    const rest = this.getModelsArray();
    this.#models.clear();
    const added = models.map((model) => this.add(model));
    for (const model of rest) this.#models.set(String(model.id), model);
    return added;
  }

  /** The model has another id than it had. */
  rename(before: string): void {
    const entries = [...this.#models].map(
      ([id, model]) => [id === before ? String(model.id) : id, model] as const,
    );
    this.#models.clear();
    for (const [id, model] of entries) this.#models.set(id, model);
  }

  remove(model: M): void {
    if (!this.#models.delete(String(model.id))) return;
    model.trigger("remove", model, this);
    model.detachFrom(this);
  }
}
