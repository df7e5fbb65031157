/** Keeps the page's only thread busy: it answers nothing for that long. */
export const hang = (milliseconds: number): void => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

/** Ends the page's process: Chromium runs out of stack laying out shadow trees nested this deep. */
export const crash = (): void => {
  let inner: HTMLElement | ShadowRoot = document.body;
  for (let depth = 0; depth < 5_000; depth++) {
    const outer: HTMLElement = document.createElement("div");
    inner.append(outer);
    inner = outer.attachShadow({ mode: "open" });
  }
  document.body.getBoundingClientRect();
};
