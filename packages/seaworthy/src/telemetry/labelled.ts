import { type Attributes, type Observe, silent } from '../core/observe.ts';

/** The same port, with attributes that every report then carries, such as the service's name. */
export function labelled(observe: Observe, constant: Attributes): Observe {
  if (observe === silent) return observe;
  return {
    count: (name, attributes, by) => observe.count(name, { ...constant, ...attributes }, by),
    gauge: (name, attributes, read) => observe.gauge(name, { ...constant, ...attributes }, read),
    span: (name, attributes, place) => observe.span(name, { ...constant, ...attributes }, place),
    log: (level, message, attributes, trace) => observe.log(level, message, { ...constant, ...attributes }, trace),
  };
}
