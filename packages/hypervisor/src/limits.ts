/** Every ceiling of the machine in one place. Counts unless the name says otherwise. */
export const LIMITS = {
  pcpusMax: 64,
  vcpusPerDomainMax: 32,
  /** Automatic domain ids run from 1 to the first reserved one (Xen public/xen.h). */
  domIdMax: 0x7fef,
  weightMax: 65535,
  weightDefault: 256,
  domainNameCharactersMax: 64,
  resourceIdCharactersMax: 64,
  volumesPerDomainMax: 16,
  volumeBytesMax: 1n << 50n,
  /** One page of blkif requests. */
  blockRingRequestsMax: 32,
  /** 11 segments of 8 sectors, as in blkif. */
  blockRequestSectorsMax: 88,
  socketRingCommandsMax: 64,
  socketListenersPerDomainMax: 16,
  socketConnectionsPerDomainMax: 256,
  socketBacklogMax: 128,
  /** Each direction of a connection's data ring. */
  socketRingBytes: 32 * 1024,
  /** What the owner may have in flight towards a guest, and the guest towards the owner, beside the rings. */
  uplinkWindowBytes: 64 * 1024,
  socketChunkBytesMax: 16 * 1024,
  /** Event channels of a domain that is not told otherwise (xl.cfg max_event_channels); two levels have 4095. */
  eventChannelsDefault: 1023,
  eventChannelsMax: 4095,
  /** Ports that one reset closes before it may be preempted. */
  eventResetPortsPerChunk: 64,
  /** Ports of one poll (Xen common/sched/core.c). */
  pollPortsMax: 128,
  periodicTimerNsMin: 1_000_000n,
  /** Of each domain but the toolstack, as xenstored's defaults (tools/xenstored/domain.c). */
  xenstoreNodesPerDomainMax: 1000,
  xenstoreWatchesPerDomainMax: 128,
  xenstoreTransactionsPerDomainMax: 10,
  /** Requests whose answers the domain has not taken; with more it is not listened to. */
  xenstoreRequestsOutstandingMax: 20,
  xenstoreNodesPerTransactionMax: 1024,
  xenstorePermissionsPerNodeMax: 5,
  xenstoreNodeBytesMax: 2048,
  /** Events waiting for a domain that does not read; more are told as one for each watch. */
  xenstoreEventsQueuedMax: 1024,
  /** Cap, in percent of one pCPU, of a domain whose throttling allowance is exhausted. */
  throttleCapPercent: 10,
  /** 1 TiB. */
  hostFramesMax: 1 << 28,
  /** General, or type, references of one frame (Xen counts in 26 bits). */
  frameReferencesMax: (1 << 26) - 1,
  /** Validated page tables of a domain: one for each so many frames of its maximum, within the bounds. */
  framesPerTable: 64,
  tablesPerDomainMin: 64,
  tablesPerDomainMax: 8192,
  /** The least memory of a domain that has page tables of its own; it holds its first ones. */
  pageTableDomainFramesMin: 16,
  /** Guest frame numbers of an auto-translated domain above its memory, for grants it maps. */
  extraGfnsPerDomain: 1 << 16,
  /** One load or store of a guest. */
  guestAccessBytesMax: 1 << 20,
  mmuRequestsMax: 1 << 16,
  /** Extents of one reservation call. */
  reservationExtentsMax: 1 << 20,
  /** 2^order frames of one extent, for domains and for the privileged (Xen's CONFIG_DOMU_MAX_ORDER). */
  extentOrderMax: 9,
  /** Xen's pause count of a domain is a byte. */
  toolstackPausesMax: 255,
  allowancesMax: 4096,
  allowanceItemsMax: 4096,
  allowanceStepsMax: 16,
  /** The shortest period of an allowance that renews itself. */
  allowancePeriodNsMin: 1_000_000n,
  multicallEntriesMax: 1024,
  /** Elements of lists that the answers to one multicall have; with so many it does no more calls. */
  multicallAnswerElementsMax: 65_536,
  /** Frames of a domain's grant table, 512 entries each, and of what it may map, 256 mappings each. */
  grantFramesDefault: 64,
  grantFramesMax: 1024,
  maptrackFramesDefault: 1024,
  maptrackFramesMax: 4096,
  /** With more grant mappings on a host, a reading of the books does not recount them. */
  grantsRecountedMax: 4_096,
  /** Elements of one grant table operation. */
  grantElementsMax: 32_768,
  /** Of one write to Xen's console, and of what is kept of a domain's. */
  consoleWriteBytesMax: 4096,
  consoleBytesMax: 4096,
  /** The text of a domain's configuration. */
  configCharactersMax: 64 * 1024,
  configSettingsMax: 200,
  configListMax: 256,
  crashReasonCharactersMax: 200,
  /** Records of ends kept, and what is kept in one. */
  crashesMax: 1024,
  crashesPerDomainMax: 16,
  crashPortsMax: 32,
  crashConsoleLinesMax: 16,
  crashAllowancesMax: 8,
  /** The last hypercalls of each vCPU. */
  trailCallsMax: 8,
  trailWordCharactersMax: 32,
  /** So many lives in a row that were shorter than this (xend's figure) and a domain is not restarted again. */
  restartsInARowMax: 5,
  restartLifeNsMin: 60_000_000_000n,
  /** A restart waits this long for transfers of its volumes, this many times. */
  restartRetryNs: 10_000_000n,
  restartTriesMax: 3_000,
  eventsQueuedMax: 100_000,
} as const;
