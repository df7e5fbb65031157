import { AppError } from "@whatsapp-engine/contract";
import { describe, expect, it } from "vitest";
import { toRecipient } from "./phone-number.ts";

describe("toRecipient", () => {
  it.each([
    ["6281234567890", "6281234567890"],
    ["+62 812-3456-7890", "6281234567890"],
    ["081234567890", "6281234567890"],
    ["0812 3456 7890", "6281234567890"],
    ["+1 (415) 555-2671", "14155552671"],
    ["6281234567890@c.us", "6281234567890"],
    ["120363041234567890@g.us", "120363041234567890@g.us"],
    ["123456789012345@lid", "123456789012345@lid"],
  ])("reads %s", (text, recipient) => {
    expect(toRecipient(text, "to", "ID")).toBe(recipient);
  });

  it.each([
    "",
    "abc",
    "12",
    "+62",
    "6281234567890@evil.com",
    "../x@c.us",
    "status@broadcast",
    "08١٢٣٤٥٦٧",
    "62812345678901234567",
  ])("refuses %j and names the field", (text) => {
    try {
      toRecipient(text, "to", "ID");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(AppError);
      expect((error as AppError).code).toBe("invalid_phone_number");
      expect((error as AppError).details[0]?.field).toBe("to");
    }
  });
});
