import { z } from "zod";
import type { ErrorDetail } from "./errors.ts";
import { inWords } from "./words.ts";

// For every schema, also those of other packages that import this one.
z.config({ customError: inWords });

/** What is told of one request: who mends so many sees what the rest is. */
const MAX_PROBLEMS = 50;
/** A field's name may be the caller's own, and of any length. */
const MAX_NAME_LENGTH = 64;

type Issue = z.core.$ZodIssue;
type Told = {
  add(path: readonly PropertyKey[], message: string): void;
  isFull(): boolean;
  skip(count: number): void;
};

/** What is wrong with each field, in words: the first 50, and how many more. The whole of what was checked is called `body`. */
export function problemsOf({ issues }: z.core.$ZodError): ErrorDetail[] {
  const problems = new Map<string, ErrorDetail>();
  let more = 0;
  const told: Told = {
    isFull: () => problems.size === MAX_PROBLEMS,
    skip: (count) => (more += count),
    add(path, message) {
      if (told.isFull()) return told.skip(1);
      const problem = { field: fieldNamed(path), message };
      problems.set(`${problem.field}\n${problem.message}`, problem);
    },
  };
  for (const issue of issues) tell(issue, [], told);
  const rest =
    more === 0 ? [] : [{ field: "body", message: `has ${more} more problems, which are not listed` }];
  return [...problems.values(), ...rest];
}

/** The same as one line. */
export const problemsAsText = (error: z.core.$ZodError): string =>
  problemsOf(error)
    .map(({ field, message }) => `${field} ${message}`)
    .join("; ");

function tell(issue: Issue, above: readonly PropertyKey[], told: Told): void {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    for (const [at, key] of issue.keys.entries()) {
      if (told.isFull()) return told.skip(issue.keys.length - at);
      told.add([...path, key], "is not known");
    }
    return;
  }
  const meant = issue.code === "invalid_union" ? branchMeant(issue.errors) : undefined;
  if (!meant) return told.add(path, issue.message);
  for (const one of meant) tell(one, path, told);
}

/** A field as an error's detail names it; parts of its name that are long are cut. */
export const fieldNamed = (path: readonly PropertyKey[]): string =>
  path.length === 0 ? "body" : path.map((part) => cut(String(part))).join(".");

const cut = (name: string): string =>
  name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH).replace(/\p{Surrogate}$/u, "")}…` : name;

/** Of the branches of a union the one that takes the type that was given, and has the least against it. */
const branchMeant = (branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined =>
  branches
    .filter((branch) => !branch.some(isOfAnotherType))
    .toSorted((one, other) => one.length - other.length)[0];

/** `int` is said of a number alone, which has a fraction. */
function isOfAnotherType(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_union")
    return issue.errors.length > 0 && branchMeant(issue.errors) === undefined;
  return issue.code === "invalid_value" || (issue.code === "invalid_type" && issue.expected !== "int");
}
