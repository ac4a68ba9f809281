import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Prometheus figures of this process. Other parts make theirs with `new Gauge({ ..., registers: [metrics.registry] })`. */
@Injectable()
export class Metrics implements OnApplicationShutdown {
  readonly registry = new Registry();

  readonly httpSeconds = new Histogram({
    name: 'xenorack_http_request_seconds',
    help: 'Time from the request to the end of the answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.registry],
  });

  readonly jobRuns = new Counter({
    name: 'xenorack_job_runs_total',
    help: 'Ended attempts of jobs.',
    labelNames: ['job', 'outcome'],
    registers: [this.registry],
  });

  readonly eventsRelayed = new Counter({
    name: 'xenorack_events_relayed_total',
    help: 'Events that were given their seq by this process.',
    registers: [this.registry],
  });

  readonly listenerFailures = new Counter({
    name: 'xenorack_listener_failures_total',
    help: 'Deliveries of an event that failed and will be tried again.',
    labelNames: ['listener'],
    registers: [this.registry],
  });

  readonly streams = new Gauge({
    name: 'xenorack_event_streams',
    help: 'Open event streams.',
    registers: [this.registry],
  });

  readonly waitingRequests = new Gauge({
    name: 'xenorack_waiting_requests',
    help: 'Requests that wait for the end of an operation.',
    registers: [this.registry],
  });

  readonly streamsDropped = new Counter({
    name: 'xenorack_event_streams_dropped_total',
    help: 'Event streams ended because their reader was too slow.',
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry, prefix: 'xenorack_' });
  }

  onApplicationShutdown(): void {
    this.registry.clear();
  }
}
