//! Capabilities of the gateway service (BuildKit `frontend/gateway/pb/caps.go`, v0.34.2).

pub const SOLVE_BASE: &str = "solve.base";
pub const SOLVE_INLINE_RETURN: &str = "solve.inlinereturn";
pub const RESOLVE_IMAGE: &str = "resolveimage";
pub const RESOLVE_IMAGE_RESOLVE_MODE: &str = "resolveimage.resolvemode";
pub const READ_FILE: &str = "readfile";
pub const RETURN_RESULT: &str = "return";
pub const RETURN_MAP: &str = "returnmap";
pub const READ_DIR: &str = "readdir";
pub const STAT_FILE: &str = "statfile";
pub const IMPORT_CACHES: &str = "importcaches";
pub const PROTO_REF_ARRAY: &str = "proto.refarray";
pub const REFERENCE_OUTPUT: &str = "reference.output";
pub const FRONTEND_INPUTS: &str = "frontend.inputs";
pub const GATEWAY_SOLVE_METADATA: &str = "gateway.solve.metadata";
pub const GATEWAY_EXEC: &str = "gateway.exec";
pub const GATEWAY_EXEC_EXTRA_HOSTS: &str = "gateway.exec.extrahosts";
pub const GATEWAY_EXEC_SECRET_ENV: &str = "gateway.exec.secretenv";
pub const GATEWAY_EXEC_SIGNALS: &str = "gateway.exec.signals";
pub const GATEWAY_EXEC_FILESYSTEM: &str = "gateway.exec.filesystem";
pub const FRONTEND_CAPS: &str = "frontend.caps";
pub const GATEWAY_EVALUATE_SOLVE: &str = "gateway.solve.evaluate";
pub const GATEWAY_EVALUATE: &str = "gateway.evaluate";
pub const GATEWAY_WARNINGS: &str = "gateway.warnings";
pub const ATTESTATIONS: &str = "reference.attestations";
pub const SOURCE_META_RESOLVER: &str = "source.metaresolver";
pub const SOURCE_META_RESOLVER_IMAGE_ATTESTATIONS: &str = "source.metaresolver.image.attestations";
pub const SOURCE_META_RESOLVER_HTTP_CHECKSUM_REQUEST: &str = "source.metaresolver.http.checksumrequest";

/// What a daemon supports that announces nothing (GC `defaultCaps`). Frozen.
pub const DEFAULTS: &[&str] = &[SOLVE_BASE, SOLVE_INLINE_RETURN, RESOLVE_IMAGE, READ_FILE];
