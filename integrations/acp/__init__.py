"""Agents over the Agent Client Protocol (ACP), and the kinds that are known without configuration."""

from __future__ import annotations

from core.interfaces import AgentRuntime, Integration, Kind, Setup

NETWORK = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
)


def make_runtime(_setup: Setup) -> AgentRuntime:
    # The protocol's library takes 0.4 s to import.
    from integrations.acp.runtime import AcpRuntime

    return AcpRuntime()


claude = Kind(
    name="claude",
    command=("claude-agent-acp",),
    about="Claude Code by Anthropic",
    env=(
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_MODEL",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CONFIG_DIR",
        *NETWORK,
    ),
    sign_in=(
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "~/.claude/.credentials.json",
        "~/.claude.json",
    ),
    install="npm install -g @agentclientprotocol/claude-agent-acp",
    # Its own first choice, `auto`, asks nobody.
    mode="default",
    # Else tools of MCP servers, ask_human among them, are hidden behind a search.
    defaults={"ENABLE_TOOL_SEARCH": "false"},
)

codex = Kind(
    name="codex",
    command=("codex-acp",),
    about="Codex by OpenAI",
    env=("OPENAI_API_KEY", "CODEX_API_KEY", "OPENAI_BASE_URL", "CODEX_HOME", *NETWORK),
    sign_in=("OPENAI_API_KEY", "CODEX_API_KEY", "~/.codex/auth.json"),
    install="npm install -g @agentclientprotocol/codex-acp",
)

gemini = Kind(
    name="gemini",
    command=("gemini", "--acp"),
    about="Gemini CLI by Google",
    env=(
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GEMINI_MODEL",
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_CLOUD_LOCATION",
        "GOOGLE_APPLICATION_CREDENTIALS",
        *NETWORK,
    ),
    sign_in=(
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "~/.gemini/oauth_creds.json",
        "~/.gemini/.env",
    ),
    install="npm install -g @google/gemini-cli",
)

opencode = Kind(
    name="opencode",
    command=("opencode", "acp"),
    about="opencode, with the provider it is signed in to",
    env=(
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "GEMINI_API_KEY",
        "OPENROUTER_API_KEY",
        "OPENCODE_API_KEY",
        "OPENCODE_CONFIG",
        "OPENCODE_CONFIG_CONTENT",
        "OPENCODE_CONFIG_DIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        *NETWORK,
    ),
    sign_in=(
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "GEMINI_API_KEY",
        "OPENROUTER_API_KEY",
        "OPENCODE_API_KEY",
        "~/.local/share/opencode/auth.json",
        "~/.config/opencode/opencode.json",
    ),
    install="npm install -g opencode-ai",
    # It asks nobody unless it is told to.
    defaults={"OPENCODE_CONFIG_CONTENT": '{"permission": {"edit": "ask", "bash": "ask", "webfetch": "ask"}}'},
    # It opens an HTTP server beside ACP, which anybody on the machine could use without one.
    fresh=("OPENCODE_SERVER_PASSWORD",),
)

integration = Integration(
    name="acp",
    always=True,
    about="Coding agents that speak the Agent Client Protocol.",
    runtime=make_runtime,
    kinds=(claude, codex, gemini, opencode),
)
