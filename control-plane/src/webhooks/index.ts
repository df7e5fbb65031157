export type { WebhookService } from "./service.ts";
export { createWebhooks } from "./webhooks.ts";
