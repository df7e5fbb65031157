/** Marks calls of this room in the OpenAPI document. */
export const tags = ["WA Blast application"];
