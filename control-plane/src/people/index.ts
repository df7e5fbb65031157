export { compareAccounts } from "./account.ts";
export { isSameNumber, otherFormOf } from "./forms.ts";
export { createPeople, type People, sameForm } from "./people.ts";
export { toDigits, toRecipient } from "./recipient.ts";
