/** The targets.yaml of a first start: this machine, reading only. */
export const defaultTargetsYaml = (): string => `# What TailOps may look after, and what it may do there.
# Nothing listed, nothing granted. Every key: docs/targets.md
# Check this file with: tailops validate-config
version: "1.0"

targets:
  # The machine TailOps runs on.
  local:
    executor: local
    capabilities: [system:read, network:read, file:read]
    constraints:
      file_roots: [/var/log] # folders that file tools may read

  # A machine reached by SSH:
  # web-1:
  #   executor: ssh
  #   connection:
  #     host: 192.168.1.100
  #     username: admin
  #     key_path: ~/.ssh/id_ed25519
  #     host_key: "SHA256:..." # as ssh-keygen -lf prints it
  #   capabilities: [system:read, network:read, container:read]
  #   metadata: { tags: [web] }
`
