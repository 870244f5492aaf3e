import type { WaterfallStep } from "../../contracts/api.ts";
import { formatCount } from "./format.ts";

const stepWords: Readonly<Record<WaterfallStep["step"], string>> = { base: "start", model: "model", strategy: "strategy", guardrail: "guardrail", rounding: "rounding", personal: "personal", exploration: "exploration" };

/** How a price came about, step by step: each bar goes from the price before to the price after. A table, so that it reads without its bars. */
export function Waterfall({ steps, optimal }: { readonly steps: readonly WaterfallStep[]; readonly optimal: number }) {
  const prices = [...steps.map(({ price }) => price), optimal];
  const low = Math.min(...prices);
  const high = Math.max(...prices);
  const room = (high - low) * 0.12 || 1;
  const place = (price: number): number => ((price - low + room) / (high - low + 2 * room)) * 100;
  return (
    <div class="scroll" tabindex={0} role="region" aria-label="How the price came about">
      <table class="data waterfall">
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col" class="number">Price, tokens</th>
            <th scope="col" class="wide">From {formatCount(low)} to {formatCount(high)} tokens</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {steps.map(({ step, name, price, reason, cost_tokens }, i) => {
            const before = i === 0 ? price : (steps[i - 1]?.price ?? price);
            const [from, to] = [Math.min(place(before), place(price)), Math.max(place(before), place(price))];
            return (
              <tr>
                <th scope="row">
                  {name.replaceAll("_", " ")}
                  <span class="under">{stepWords[step]}</span>
                </th>
                <td class="number">{formatCount(price)}</td>
                <td class="wide">
                  <svg class={`fall ${price < before ? "down" : price > before ? "up" : "flat"}`} viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect x={from.toFixed(2)} y="2" width={Math.max(0.8, to - from).toFixed(2)} height="6" />
                  </svg>
                </td>
                <td>
                  {reason}
                  {cost_tokens !== undefined && cost_tokens > 0 && <span class="under">gives up {formatCount(cost_tokens)} tokens</span>}
                </td>
              </tr>
            );
          })}
          <tr class="total">
            <th scope="row">Recommended price</th>
            <td class="number">{formatCount(optimal)}</td>
            <td class="wide">
              <svg class="fall end" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect x={(place(optimal) - 0.6).toFixed(2)} y="0" width="1.2" height="10" />
              </svg>
            </td>
            <td></td>
          </tr>
        </tbody>
      </table>
    </div>
  );
}
