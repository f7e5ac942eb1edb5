//! A step that failed, run once more in a container of its own, for what it prints: a frontend sees no log.

use futures::{StreamExt as _, stream};

use super::Gateway;
use crate::caps::gateway::GATEWAY_EXEC;
use crate::error::GatewayError;
use crate::error_details::FailedExec;
use crate::gateway_pb::exec_message::Input;
use crate::{gateway_pb, pb};

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub code: u32,
    /// What it wrote to its standard output and standard error.
    pub words: Vec<u8>,
}

/// The file descriptors that a program writes to.
const OUTPUTS: [u32; 2] = [1, 2];

impl Gateway {
    /// Runs an exec once more that failed, with what it had; its outputs are empty again, and are thrown away. `None` when the daemon
    /// runs nothing for a frontend.
    pub async fn run_again(
        &self,
        failed: &FailedExec,
        exec: &pb::ExecOp,
        platform: Option<&pb::Platform>,
    ) -> Result<Option<Ended>, GatewayError> {
        if !self.caps().supports(GATEWAY_EXEC) {
            return Ok(None);
        }
        // Letters and digits alone, as BuildKit wants it; no other container has the id of a result.
        let id = failed.mounts.first().map(|(_, id)| id.as_str()).unwrap_or_default();
        let container_id = format!("again{id}").replace(|char: char| !char.is_ascii_alphanumeric(), "");
        let meta = exec.meta.clone().unwrap_or_default();
        let mounts = exec.mounts.iter().map(|mount| {
            let is_output = mount.output >= 0;
            let id = failed.mounts.iter().find(|(path, _)| *path == mount.dest && !is_output);
            pb::Mount { result_id: id.map(|(_, id)| id.clone()).unwrap_or_default(), output: -1, ..mount.clone() }
        });
        let request = gateway_pb::NewContainerRequest {
            container_id: container_id.clone(),
            mounts: mounts.collect(),
            network: exec.network,
            platform: platform.cloned(),
            extra_hosts: meta.extra_hosts.clone(),
            hostname: meta.hostname.clone(),
            ..gateway_pb::NewContainerRequest::default()
        };
        self.client().new_container(request).await?;
        let init = gateway_pb::InitMessage {
            container_id: container_id.clone(),
            meta: Some(meta),
            fds: OUTPUTS.to_vec(),
            security: exec.security,
            secretenv: exec.secretenv.clone(),
            ..gateway_pb::InitMessage::default()
        };
        let ended = self.watch(init).await;
        self.client().release_container(gateway_pb::ReleaseContainerRequest { container_id }).await?;
        ended.map(Some)
    }

    /// Starts a program, and waits for its end.
    async fn watch(&self, init: gateway_pb::InitMessage) -> Result<Ended, GatewayError> {
        let process_id = init.container_id.clone();
        let start = gateway_pb::ExecMessage { process_id, input: Some(Input::Init(init)) };
        // The end of this stream would be the end of the program.
        let requests = stream::iter([start]).chain(stream::pending());
        let mut messages = self.client().exec_process(requests).await?.into_inner();
        let mut ended = Ended::default();
        while let Some(message) = messages.message().await? {
            match message.input {
                Some(Input::File(file)) => ended.words.extend(file.data),
                Some(Input::Exit(exit)) => ended.code = exit.code,
                Some(Input::Done(_)) => break,
                _ => {}
            }
        }
        Ok(ended)
    }
}
