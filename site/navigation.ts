/** Which pages the site shows, by groups and in this order. A page's first heading is its name there. */
export const navigation: Readonly<Record<string, readonly string[]>> = {
  Start: ['README.md', 'docs/first-service.md'],
  Guides: ['docs/guides/decomposition.md', 'docs/guides/communication.md', 'docs/guides/sagas.md', 'docs/pitfalls.md'],
  Patterns: [
    'docs/contract.md',
    'docs/service.md',
    'docs/saga.md',
    'docs/outbox.md',
    'docs/inbox.md',
    'docs/client.md',
    'docs/resilience.md',
    'docs/gateway.md',
    'docs/fleet.md',
  ],
  Reference: [
    'docs/cli.md',
    'docs/core.md',
    'docs/store.md',
    'docs/bus.md',
    'docs/telemetry.md',
    'docs/testing.md',
    'docs/documents.md',
    'docs/compatibility.md',
    'docs/errors.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
  ],
};
