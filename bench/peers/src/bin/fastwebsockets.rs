//! fastwebsockets, as its echo example has it.

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use gumboot_bench_peers::{Failure, serve};
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    serve(|stream| async {
        let connection = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(upgrade_one))
            .with_upgrades();
        Ok(connection.await?)
    })
    .await
}

async fn upgrade_one(
    mut request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    tokio::spawn(tokio::task::unconstrained(async {
        // A client that just goes is no failure of the server.
        let _ = echo(upgraded).await;
    }));
    Ok(response)
}

async fn echo(upgraded: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(upgraded.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}
