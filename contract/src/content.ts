import { z } from "zod";

/** What a message is made of besides its text and its media; each kind uses the fields it needs. */
export const messageContentSchema = z.object({
  /** The message this one answers: its WhatsApp id. */
  quotedId: z.string().optional(),
  /** Who is named in the text, as chat ids. */
  mentions: z.array(z.string()).optional(),
});
export type MessageContent = z.infer<typeof messageContentSchema>;
