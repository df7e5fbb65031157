export { createMessageActions, type MessageActions } from "./actions.ts";
export { type AddressBook, createAddressBook } from "./address-book.ts";
