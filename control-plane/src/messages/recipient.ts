const PERSON = "@c.us";

/** One name for one chat: `6281234567890@c.us` and `6281234567890` are the same person. */
export const sameChat = (recipient: string): string =>
  recipient.endsWith(PERSON) ? recipient.slice(0, -PERSON.length) : recipient;
