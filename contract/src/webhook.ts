import { z } from "zod";

/** `waiting`: for its first or next attempt; `delivered`; `dead`: given up, kept, and can be sent again. */
export const deliveryStates = ["waiting", "delivered", "dead"] as const;
export const deliveryStateSchema = z.enum(deliveryStates);
