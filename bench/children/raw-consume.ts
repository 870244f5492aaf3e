/** The ceiling that the fold is compared with: ordered consumption and JSON.parse, nothing else. */
import { Broker, type BrokerMessage } from "../../src/ingest/nats.ts";
import { must } from "../../src/lib/assert.ts";
import { answer } from "../child.ts";

const url = must(process.argv[2], "url");
const last = Number(must(process.argv[3], "last sequence"));

const broker = await Broker.connect({ url, name: "bench-raw" });
let events = 0;
let checksum = 0;
const start = performance.now();
await new Promise<void>((resolve, reject) => {
  const onMessage = (message: BrokerMessage): void => {
    const { data } = message;
    const event = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString()) as { type: string };
    checksum += event.type.length;
    events++;
    if (message.sequence >= last) resolve();
  };
  broker.consume("EVENTS", { start_sequence: 1 }, onMessage).catch(reject);
});
answer({ events, checksum, seconds: (performance.now() - start) / 1000 });
