/** What the stream tells of a training run. */
interface TrainingEvent {
  readonly data: { readonly family?: string; readonly stage?: string; readonly step?: string; readonly done?: number; readonly total?: number; readonly status?: string };
}

function tell(place: Element, text: string): void {
  const { data } = JSON.parse(text) as TrainingEvent;
  place.textContent = data.status === "running" ? `Training of ${data.family ?? ""}: ${data.stage ?? ""}, ${data.step ?? ""} ${data.done ?? 0} of ${data.total ?? 0}` : `The last training of ${data.family ?? ""} has ${data.status ?? "ended"}.`;
}

/** Progress of training as it happens, on the page that has a place for it. */
export function startTraining(): void {
  const topics = document.querySelector<HTMLElement>("main[data-live-topics]")?.dataset["liveTopics"];
  if (topics === undefined) return;
  new EventSource(`/stream?topics=${topics}`).addEventListener("training", (event: MessageEvent<string>) => {
    const place = document.querySelector("[data-training]");
    if (place !== null) tell(place, event.data);
  });
}
