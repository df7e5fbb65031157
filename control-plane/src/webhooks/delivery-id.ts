/**
 * A delivery as its receiver knows it, in the header `webhook-id`: the same at every attempt, and another one for the
 * row of that number in a database that was made anew or restored.
 */
export const deliveryIdOf = ({ id, createdAt }: { id: number; createdAt: number }): string =>
  `dlv_${id}_${createdAt.toString(36)}`;

/** The number of its row; undefined for anything that `deliveryIdOf` did not make. */
export function numberOfDelivery(deliveryId: string): number | undefined {
  const number = /^dlv_(\d{1,15})_[0-9a-z]+$/.exec(deliveryId)?.[1];
  return number === undefined ? undefined : Number(number);
}
