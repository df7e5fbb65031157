export { createHibernation } from "./hibernation.ts";
export { createIdle } from "./idle.ts";
