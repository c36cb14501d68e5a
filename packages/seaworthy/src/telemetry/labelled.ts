import { type Attributes, type Observe, silent } from '../core/observe.ts';

/** Wraps an observer so that every report has further attributes, such as the name of the service. */
export function labelled(observe: Observe, constant: Attributes): Observe {
  if (observe === silent) return observe;
  const { count, gauge, span } = silent;
  // Silent methods stay unwrapped, since they report nowhere.
  return {
    count: observe.count === count ? count : (name, attributes, by) => observe.count(name, { ...constant, ...attributes }, by),
    gauge: observe.gauge === gauge ? gauge : (name, attributes, read) => observe.gauge(name, { ...constant, ...attributes }, read),
    span: observe.span === span ? span : (name, attributes, spanOptions) => observe.span(name, { ...constant, ...attributes }, spanOptions),
    log: (level, message, attributes, trace) => observe.log(level, message, { ...constant, ...attributes }, trace),
  };
}
