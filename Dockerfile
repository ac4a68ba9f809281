# One build, two images: `api` (every role) and `dashboard`.
FROM node:20-bookworm-slim AS build
WORKDIR /xenorack
COPY . .
RUN node scripts/build.mjs --install

FROM node:20-bookworm-slim AS api
ENV NODE_ENV=production API_HOST=0.0.0.0 XENORACK_DATA=/data
WORKDIR /xenorack
COPY --from=build --chown=node:node /xenorack /xenorack
RUN install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 4000
CMD ["node", "--enable-source-maps", "apps/api/dist/main.js"]

FROM node:20-bookworm-slim AS dashboard
ENV NODE_ENV=production HOSTNAME=0.0.0.0 PORT=3000
WORKDIR /xenorack
COPY --from=build --chown=node:node /xenorack/apps/dashboard/.next/standalone ./
USER node
EXPOSE 3000
CMD ["node", "apps/dashboard/server.js"]
