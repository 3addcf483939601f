/** A prompt that people pick in their client; it names tools that exist. */
export interface Prompt {
  readonly name: string
  readonly description: string
  /** Tools its text asks for: it is offered where all of them are. */
  readonly tools: readonly string[]
  text(target: string): string
}

/** Arguments of every prompt that is about one machine. */
export const promptArguments = [{ name: 'target', description: 'A target id; left out: this machine' }]

const careful =
  'Say what was measured and what was not. Change nothing; where a change would help, name the tool call that you would propose, and wait for me.'

/** In order of their names. */
export const prompts: readonly Prompt[] = [
  {
    name: 'backup_planning',
    description: 'Which guests are backed up how often, which are not, and is there room for it?',
    tools: ['proxmox_list_backups', 'proxmox_list_guests', 'proxmox_list_storage', 'triage_fleet'],
    text: () =>
      `Plan the backups of the Proxmox guests. Call proxmox_list_guests, proxmox_list_backups, proxmox_list_storage and triage_fleet. List guests without a backup or with an old one, what failed and why, and whether the storages that hold backups have room; then propose a schedule and retention that fits it. ${careful}`,
  },
  {
    name: 'fleet_review',
    description: 'What is there, what is wrong, and what has changed lately?',
    tools: ['get_fleet_state', 'triage_fleet', 'get_fleet_changes'],
    text: () =>
      `Review the whole fleet. Call triage_fleet, get_fleet_state and get_fleet_changes. Report what is wrong, worst first, each with its evidence; then what has changed lately that could be the cause; then what could not be measured and how old the figures are. ${careful}`,
  },
  {
    name: 'health_check',
    description: 'Is everything well? The gateway, its targets, and one machine closer.',
    tools: ['health_check', 'list_targets', 'get_system_status'],
    text: (target) =>
      `Check the health of what this gateway looks after. Call health_check, then list_targets, then get_system_status on ${target}. Report problems first, worst first, each with the figures behind it, then one line on what is well. ${careful}`,
  },
  {
    name: 'investigate_high_usage',
    description: 'Why is a machine busy? CPU, memory, disk and network, down to processes.',
    tools: ['get_system_status', 'get_top_processes', 'get_network_io_counters'],
    text: (target) =>
      `Find out why ${target} is busy. Call get_system_status, get_top_processes sorted by cpu and once more by memory, and get_network_io_counters. Name the resource that is short, the processes behind it with their service or container, and whether it looks like load, a leak or a fault. ${careful}`,
  },
  {
    name: 'network_audit',
    description: 'What is reachable on a machine, and by which process?',
    tools: ['get_network_status', 'get_active_connections'],
    text: (target) =>
      `Audit the network side of ${target}. Call get_network_status and get_active_connections with kind listening. List every listener with address, port and process; mark those on all interfaces, those whose process is unknown, and those you would not expect there. ${careful}`,
  },
  {
    name: 'performance_analysis',
    description: 'How does a machine perform, and what limits it?',
    tools: ['get_system_status', 'get_top_processes', 'get_network_io_counters'],
    text: (target) =>
      `Analyse the performance of ${target}. Call get_system_status twice some seconds apart, get_top_processes, and get_network_io_counters. Compare load with the number of CPUs, memory with swap, and errors or drops with traffic; say what limits it first and how sure you are. ${careful}`,
  },
  {
    name: 'security_audit',
    description: 'A first look at how safe a machine is: updates, listeners, services, and what was done through here.',
    tools: ['check_system_updates', 'get_active_connections', 'get_service_status', 'get_audit_log'],
    text: (target) =>
      `Look at the security of ${target}. Call check_system_updates, get_active_connections with kind listening, get_service_status, and get_audit_log. Report pending security updates, listeners open to all interfaces, failed services, and refused or unusual calls in the audit log, worst first. ${careful}`,
  },
  {
    name: 'troubleshoot_container',
    description: 'Why does a Docker container not do what it should?',
    tools: ['get_container_list', 'get_container_logs', 'get_container_stats'],
    text: (target) =>
      `Find out what is wrong with the containers on ${target}. Call get_container_list with all: true, then get_container_logs of those that are unhealthy, restarting or ended with an error, and get_container_stats. For each say what happened, the log lines that show it, and the likely cause. ${careful}`,
  },
]
