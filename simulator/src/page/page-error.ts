/** An error of the page's own code: as it is, or with a name and a text of one letter, as its scripts are made smaller. */
export const pageError = (text: string, minified: boolean): Error =>
  minified ? Object.assign(new Error("r"), { name: "r" }) : new Error(text);
