import type { AppError } from "@whatsapp-engine/contract";
import { expect, it } from "vitest";
import { createAdmission, type AdmissionLimits, type Machine } from "./admission.ts";

const none: AdmissionLimits = { maxSessions: 0, minFreeMemoryMb: 0, maxLoadPerCpu: 0 };
const full: Machine = { freeMemoryMb: () => 700, loadPerCpu: () => 9 };

function refusal(limits: Partial<AdmissionLimits>, machine: Machine = full, running = 3, starting = 0) {
  const admission = createAdmission({
    limits: { ...none, ...limits },
    machine,
    running: () => running,
    starting: () => starting,
  });
  try {
    admission.check();
    return null;
  } catch (error) {
    const { code, extra, retryAfterSeconds } = error as AppError;
    expect({ code, retryAfterSeconds }).toEqual({ code: "capacity_exceeded", retryAfterSeconds: 30 });
    return extra["limit"];
  }
}

it("refuses nothing without limits, or where nothing is known of the machine", () => {
  expect(refusal({})).toBeNull();
  expect(refusal({ minFreeMemoryMb: 100_000, maxLoadPerCpu: 0.1 }, null)).toBeNull();
});

it("refuses the session that would be one too many", () => {
  expect(refusal({ maxSessions: 3 })).toBe("sessions");
  expect(refusal({ maxSessions: 4 })).toBeNull();
});

it("counts those that start with the memory they will take", () => {
  expect(refusal({ minFreeMemoryMb: 400 })).toBeNull();
  expect(refusal({ minFreeMemoryMb: 401 })).toBe("memory");
  expect(refusal({ minFreeMemoryMb: 400 }, full, 3, 1)).toBe("memory");
});

it("refuses more load on a machine that cannot carry it", () => {
  expect(refusal({ maxLoadPerCpu: 9 })).toBeNull();
  expect(refusal({ maxLoadPerCpu: 8.9 })).toBe("cpu");
});
