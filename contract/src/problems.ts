import { z } from "zod";
import type { ErrorDetail } from "./errors.ts";
import { inWords } from "./words.ts";

// For every schema, also those of other packages that import this one.
z.config({ customError: inWords });

/** As many as a bulk may have recipients: a longer answer would only repeat what was sent. */
const MAX_PROBLEMS = 1_000;
/** A field's name may be the caller's own, and of any length. */
const MAX_NAME_LENGTH = 64;

type Issue = z.core.$ZodIssue;

/** What is wrong with each field, in words. The whole of what was checked is called `body`. */
export function problemsOf({ issues }: z.core.$ZodError): ErrorDetail[] {
  const problems = new Map<string, ErrorDetail>();
  for (const problem of issues.flatMap((issue) => told(issue, []))) {
    if (problems.size === MAX_PROBLEMS) break;
    problems.set(`${problem.field}\n${problem.message}`, problem);
  }
  return [...problems.values()];
}

/** The same as one line. */
export const problemsAsText = (error: z.core.$ZodError): string =>
  problemsOf(error)
    .map(({ field, message }) => `${field} ${message}`)
    .join("; ");

function told(issue: Issue, above: readonly PropertyKey[]): ErrorDetail[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ field: named([...path, key]), message: "is not known" }));
  const meant = issue.code === "invalid_union" ? branchMeant(issue.errors) : undefined;
  if (meant) return meant.flatMap((one) => told(one, path));
  return [{ field: named(path), message: issue.message }];
}

const named = (path: readonly PropertyKey[]): string =>
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
