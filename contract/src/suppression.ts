import { z } from "zod";

/** Who asked that somebody be not written to: the operator, or the person, by a word such as STOP. */
export const suppressionSources = ["operator", "recipient"] as const;
export const suppressionSourceSchema = z.enum(suppressionSources);
