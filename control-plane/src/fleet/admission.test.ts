import type { AppError } from "@whatsapp-engine/contract/api";
import { beforeEach, expect, it } from "vitest";
import { createAdmission, type AdmissionLimits, type Machine } from "./admission.ts";

const none: AdmissionLimits = { maxSessions: 0, minFreeMemoryMb: 0, maxLoadPerCpu: 0 };
type Standing = {
  machine?: Machine;
  running?: number;
  starting?: number;
  warm?: { ready: number; starting: number };
};
const full: Machine = { freeMemoryMb: () => 700, loadPerCpu: () => 9 };

const givenUp: number[] = [];
beforeEach(() => void givenUp.splice(0));

const createWith = (
  limits: Partial<AdmissionLimits>,
  { machine = full, running = 3, starting = 0, warm = { ready: 0, starting: 0 } }: Standing = {},
) =>
  createAdmission({
    limits: { ...none, ...limits },
    machine,
    running: () => running,
    starting: () => starting,
    warm: () => warm,
    giveUpWarm: (count) => void givenUp.push(count),
  });

function refusal(limits: Partial<AdmissionLimits>, standing: Standing & { takesOver?: boolean } = {}) {
  const { takesOver = false } = standing;
  try {
    createWith(limits, standing).check({ takesOver });
    return null;
  } catch (error) {
    const { code, extra, retryAfterSeconds } = error as AppError;
    expect({ code, retryAfterSeconds }).toEqual({ code: "capacity_exceeded", retryAfterSeconds: 30 });
    return extra["limit"];
  }
}

it("refuses nothing without limits, or where nothing is known of the machine", () => {
  expect(refusal({})).toBeNull();
  expect(refusal({ minFreeMemoryMb: 100_000, maxLoadPerCpu: 0.1 }, { machine: null })).toBeNull();
});

it("refuses the session that would be one too many", () => {
  expect(refusal({ maxSessions: 3 })).toBe("sessions");
  expect(refusal({ maxSessions: 4 })).toBeNull();
});

it("counts those that start with the memory they will take", () => {
  expect(refusal({ minFreeMemoryMb: 400 })).toBeNull();
  expect(refusal({ minFreeMemoryMb: 401 })).toBe("memory");
  expect(refusal({ minFreeMemoryMb: 400 }, { starting: 1 })).toBe("memory");
});

it("refuses more load on a machine that cannot carry it", () => {
  expect(refusal({ maxLoadPerCpu: 9 })).toBeNull();
  expect(refusal({ maxLoadPerCpu: 8.9 })).toBe("cpu");
});

it("has warm runners make room, as many as it takes and no more", () => {
  expect(refusal({ minFreeMemoryMb: 400 }, { warm: { ready: 2, starting: 0 } })).toBeNull();
  expect(givenUp).toEqual([]);
  expect(refusal({ minFreeMemoryMb: 500 }, { warm: { ready: 2, starting: 0 } })).toBeNull();
  expect(refusal({ minFreeMemoryMb: 701 }, { warm: { ready: 2, starting: 0 } })).toBeNull();
  expect(givenUp).toEqual([1, 2]);
  expect(refusal({ minFreeMemoryMb: 1001 }, { warm: { ready: 2, starting: 0 } })).toBe("memory");
  // What one that still starts will take is not there twice.
  expect(refusal({ minFreeMemoryMb: 400 }, { warm: { ready: 0, starting: 1 } })).toBeNull();
  expect(refusal({ minFreeMemoryMb: 401 }, { warm: { ready: 0, starting: 1 } })).toBe("memory");
  expect(givenUp).toEqual([1, 2, 1]);
});

it("asks no memory for a session that takes over what runs, but a place among the sessions", () => {
  const warm = { ready: 1, starting: 0 };
  expect(refusal({ minFreeMemoryMb: 5000 }, { warm, takesOver: true })).toBeNull();
  expect(givenUp).toEqual([]);
  expect(refusal({ maxSessions: 3 }, { warm, takesOver: true })).toBe("sessions");
  expect(refusal({ maxLoadPerCpu: 8 }, { warm, takesOver: true })).toBe("cpu");
});

it("has room for a warm runner only where a session would have it without one being given up", () => {
  expect(createWith({}).hasRoomForWarm()).toBe(true);
  expect(createWith({ minFreeMemoryMb: 5000, maxLoadPerCpu: 1 }, { machine: null }).hasRoomForWarm()).toBe(
    true,
  );
  expect(createWith({ minFreeMemoryMb: 400 }).hasRoomForWarm()).toBe(true);
  expect(createWith({ minFreeMemoryMb: 401 }, { warm: { ready: 5, starting: 0 } }).hasRoomForWarm()).toBe(
    false,
  );
  expect(createWith({ maxLoadPerCpu: 8 }).hasRoomForWarm()).toBe(false);
  expect(createWith({ maxSessions: 5 }).sessionsLeft()).toBe(2);
  expect(createWith({ maxSessions: 2 }).sessionsLeft()).toBe(0);
  expect(createWith({}).sessionsLeft()).toBe(Infinity);
});
