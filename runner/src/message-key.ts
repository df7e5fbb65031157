/** The part of a message's key that stays the same under every id of the chat: `true_628…@c.us_<this>`. */
export const shortIdOf = (key: string): string => key.split("_")[2] ?? key;
