import type { Session, SessionLimit } from "@whatsapp-engine/contract/api";
import { iso } from "../lib/clock.ts";
import type { SessionRow } from "./store.ts";

/** Status and reason in one, for sentences. */
export const standing = ({ status, reason }: Pick<SessionRow, "status" | "reason">): string =>
  `${status}${reason ? ` (${reason})` : ""}`;

/** As the API shows it. */
export const toSession = (row: SessionRow, limit: SessionLimit | null): Session => ({
  sessionId: row.id,
  name: row.name,
  status: row.status,
  reason: row.reason,
  detail: row.detail,
  phoneNumber: row.linkedPhoneNumber ?? row.expectedPhoneNumber,
  pushName: row.pushName,
  whatsappVersion: row.whatsappVersion,
  whatsappVersionPin: row.whatsappVersionPin,
  hibernateAfterMinutes: row.hibernateAfterMinutes,
  limit,
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
  connectedAt: row.connectedAt === null ? null : iso(row.connectedAt),
});
