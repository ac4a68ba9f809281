import { Controller, Get, type OnModuleInit, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../platform/actor.js';
import { Config } from '../platform/config.js';
import { Database } from '../platform/database.js';
import { Metrics } from '../platform/metrics.js';
import { Readiness } from '../platform/readiness.js';
import { RedisLink } from '../platform/redis.js';

/** For machines that watch this one; outside /v1 and outside the contract. */
@Controller()
@Public()
@ApiExcludeController()
export class HealthController implements OnModuleInit {
  constructor(
    private readonly config: Config,
    private readonly database: Database,
    private readonly redis: RedisLink,
    private readonly readiness: Readiness,
    private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    this.readiness.add('postgresql', () => this.database.pool.query('SELECT 1'));
    this.readiness.add('redis', () => this.redis.client.ping());
  }

  /** The process answers. */
  @Get('healthz')
  alive() {
    return { status: 'alive', roles: [...this.config.roles] };
  }

  /** What it depends on answers as well. */
  @Get('readyz')
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const { ready, checks } = await this.readiness.report();
    reply.status(ready ? 200 : 503);
    return { status: ready ? 'ready' : 'not_ready', checks };
  }

  @Get('metrics')
  async figures(@Res() reply: FastifyReply) {
    await reply.type(this.metrics.registry.contentType).send(await this.metrics.registry.metrics());
  }
}
