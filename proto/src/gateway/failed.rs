//! Files of an exec that failed: what its outputs hold then is in no ref, and is read through a container that nothing runs in.

use super::Gateway;
use crate::caps::gateway::GATEWAY_EXEC_FILESYSTEM;
use crate::error::GatewayError;
use crate::{gateway_pb, pb};

impl Gateway {
    /// The bytes of a file in an output of an exec that failed, by the id that [`crate::error_details::FailedExec`] has for it; `None`
    /// when it has no such file, or the daemon shows none.
    pub async fn read_failed(&self, id: &str, path: &str) -> Result<Option<Vec<u8>>, GatewayError> {
        if !self.caps().supports(GATEWAY_EXEC_FILESYSTEM) {
            return Ok(None);
        }
        let container = format!("failed-{id}");
        let root = pb::Mount {
            dest: "/".to_owned(),
            result_id: id.to_owned(),
            readonly: true,
            output: -1,
            ..pb::Mount::default()
        };
        let request = gateway_pb::NewContainerRequest {
            container_id: container.clone(),
            mounts: vec![root],
            ..gateway_pb::NewContainerRequest::default()
        };
        self.client().new_container(request).await?;
        let request = gateway_pb::ReadFileRequest {
            r#ref: container.clone(),
            file_path: path.to_owned(),
            ..gateway_pb::ReadFileRequest::default()
        };
        // A file that is not there is an error like any other.
        let read = self.client().read_file_container(request).await.ok().map(|response| response.into_inner().data);
        self.client().release_container(gateway_pb::ReleaseContainerRequest { container_id: container }).await?;
        Ok(read)
    }
}
