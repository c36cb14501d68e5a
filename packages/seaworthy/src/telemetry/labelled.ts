import { type Attributes, type Observe, silent } from '../core/observe.ts';

/** The same port, with attributes that every report then carries, such as the service's name. */
export function labelled(observe: Observe, constant: Attributes): Observe {
  if (observe === silent) return observe;
  const { count, gauge, span } = silent;
  // What is reported nowhere needs no labels.
  return {
    count: observe.count === count ? count : (name, attributes, by) => observe.count(name, { ...constant, ...attributes }, by),
    gauge: observe.gauge === gauge ? gauge : (name, attributes, read) => observe.gauge(name, { ...constant, ...attributes }, read),
    span: observe.span === span ? span : (name, attributes, place) => observe.span(name, { ...constant, ...attributes }, place),
    log: (level, message, attributes, trace) => observe.log(level, message, { ...constant, ...attributes }, trace),
  };
}
