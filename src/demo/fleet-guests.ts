import type { GuestSeed } from './guest.ts'

/** One row: number, node, name, tags, pool, CPUs, GiB of memory, GiB of disk, share of memory in use. */
export type Row = readonly [number, string, string, string, string, number, number, number, number]

/** What is special about a guest, by number. */
export type Odd = Readonly<Record<number, Partial<GuestSeed>>>

/** Containers of the cluster `home`. */
export const homeContainers: readonly Row[] = [
  [101, 'alder', 'proxy', 'edge;prod', 'infra', 2, 1, 8, 0.31],
  [102, 'alder', 'dns1', 'dns;prod', 'infra', 1, 0.5, 4, 0.24],
  [103, 'birch', 'dns2', 'dns;prod', 'infra', 1, 0.5, 4, 0.22],
  [104, 'birch', 'postgres', 'db;prod', 'data', 4, 8, 64, 0.71],
  [105, 'cedar', 'redis', 'db;prod', 'data', 2, 2, 8, 0.42],
  [106, 'alder', 'gitea', 'dev', 'apps', 2, 2, 32, 0.38],
  [107, 'birch', 'grafana', 'monitoring', 'infra', 2, 2, 16, 0.35],
  [108, 'birch', 'prometheus', 'monitoring', 'infra', 4, 8, 128, 0.94],
  [109, 'cedar', 'paperless', 'apps', 'apps', 2, 4, 64, 0.4],
  [110, 'cedar', 'nextcloud', 'apps;prod', 'apps', 4, 6, 256, 0.52],
  [111, 'alder', 'vaultwarden', 'apps;prod', 'apps', 1, 0.5, 4, 0.41],
  [112, 'cedar', 'jellyfin', 'media', 'media', 6, 8, 32, 0.3],
  [113, 'cedar', 'sonarr', 'media', 'media', 2, 1, 16, 0.44],
  [114, 'birch', 'immich', 'media;prod', 'media', 4, 8, 512, 0.58],
  [115, 'alder', 'mqtt', 'iot', 'iot', 1, 0.25, 2, 0.2],
  [116, 'alder', 'zigbee2mqtt', 'iot', 'iot', 1, 0.5, 4, 0.28],
  [117, 'birch', 'node-red', 'iot', 'iot', 1, 1, 8, 0.33],
  [118, 'cedar', 'unifi', 'edge;network', 'infra', 2, 2, 16, 0.66],
  [119, 'alder', 'tailscale', 'edge;network', 'infra', 1, 0.5, 4, 0.19],
  [120, 'birch', 'minio', 'data', 'data', 2, 4, 1024, 0.36],
  [121, 'cedar', 'test-debian', 'scratch', '', 1, 0.5, 8, 0.2],
  [190, 'alder', 'tmpl-debian-13', 'template', '', 1, 0.5, 4, 0],
]

/** Virtual machines of the cluster `home`. */
export const homeMachines: readonly Row[] = [
  [201, 'alder', 'homeassistant', 'iot;prod', 'iot', 2, 4, 32, 0.61],
  [202, 'birch', 'docker1', 'docker;prod', 'apps', 8, 16, 128, 0.68],
  [203, 'cedar', 'docker2', 'docker;prod', 'apps', 8, 16, 128, 0.55],
  [204, 'alder', 'opnsense', 'edge;network;prod', 'infra', 4, 4, 32, 0.45],
  [205, 'birch', 'win11', 'desktop', '', 4, 8, 96, 0.7],
  [206, 'cedar', 'k3s-1', 'k3s', 'apps', 4, 8, 64, 0.6],
  [207, 'cedar', 'k3s-2', 'k3s', 'apps', 4, 8, 64, 0.57],
  [290, 'birch', 'tmpl-ubuntu-24', 'template', '', 2, 2, 16, 0],
]

/** Containers of the cluster `office`. */
export const officeContainers: readonly Row[] = [
  [101, 'oslo', 'gateway', 'edge;prod', 'shared', 2, 1, 8, 0.33],
  [102, 'oslo', 'dns1', 'dns;prod', 'shared', 1, 0.5, 4, 0.25],
  [103, 'riga', 'dns2', 'dns;prod', 'shared', 1, 0.5, 4, 0.25],
  [104, 'turin', 'ldap', 'auth;prod', 'shared', 2, 2, 16, 0.37],
  [105, 'turin', 'keycloak', 'auth;prod', 'shared', 4, 4, 32, 0.62],
  [106, 'oslo', 'mail', 'mail;prod', 'shared', 4, 4, 128, 0.57],
  [107, 'riga', 'wiki', 'apps', 'shared', 2, 2, 32, 0.4],
  [108, 'oslo', 'registry', 'ci', 'build', 2, 2, 256, 0.28],
  [109, 'turin', 'runner-1', 'ci', 'build', 8, 8, 64, 0.49],
  [110, 'turin', 'runner-2', 'ci', 'build', 8, 8, 64, 0.51],
  [111, 'riga', 'runner-3', 'ci', 'build', 8, 8, 64, 0.5],
  [112, 'oslo', 'loki', 'monitoring', 'shared', 2, 4, 128, 0.44],
  [113, 'turin', 'alertmanager', 'monitoring', 'shared', 1, 1, 8, 0.3],
  [114, 'oslo', 'ntp', 'network', 'shared', 1, 0.25, 2, 0.18],
  [115, 'turin', 'staging-web', 'staging', 'staging', 2, 2, 16, 0.35],
  [116, 'turin', 'staging-db', 'db;staging', 'staging', 2, 4, 32, 0.4],
  [190, 'oslo', 'tmpl-alpine-3.22', 'template', '', 1, 0.25, 1, 0],
]

/** Virtual machines of the cluster `office`. */
export const officeMachines: readonly Row[] = [
  [301, 'oslo', 'web1', 'prod;web', 'shop', 4, 8, 64, 0.58],
  [302, 'turin', 'web2', 'prod;web', 'shop', 4, 8, 64, 0.56],
  [303, 'oslo', 'shop-db', 'db;prod', 'shop', 8, 32, 512, 0.77],
  [304, 'riga', 'shop-db-replica', 'db;prod', 'shop', 8, 32, 512, 0.7],
  [305, 'turin', 'search', 'prod', 'shop', 4, 16, 128, 0.72],
  [306, 'oslo', 'queue', 'prod', 'shop', 4, 8, 64, 0.41],
  [307, 'riga', 'reports', 'apps', 'shop', 4, 8, 128, 0.46],
  [308, 'turin', 'gitlab', 'dev;prod', 'build', 8, 16, 256, 0.69],
  [309, 'oslo', 'jumphost', 'edge', 'shared', 2, 2, 16, 0.25],
  [310, 'oslo', 'win-dc', 'auth;windows', 'shared', 4, 8, 96, 0.6],
  [311, 'turin', 'backup-server', 'backup', 'shared', 4, 8, 32, 0.5],
  [312, 'turin', 'legacy-erp', 'legacy;prod', 'shared', 2, 4, 128, 0.53],
  [390, 'oslo', 'tmpl-debian-13', 'template', '', 2, 2, 16, 0],
]
