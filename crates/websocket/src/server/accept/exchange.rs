//! One request and its answer over HTTP/1.1, by hyper; between them the program has time to think.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use gumboot_websocket_proto::handshake::server::Refusal;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::http1::{Connection, Parts},
    service::Service,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use super::AcceptError;
use crate::{
    server::{HttpLimits, REQUEST_TIMEOUT, acceptor::head, end, http1},
    stall::StallLimited,
};

/// A stream whose request was read, and waits for its answer.
pub(super) struct Exchange<S> {
    /// In a box, so that a task that becomes that of a WebSocket is not the larger for it.
    http: Box<Http<S>>,
    answer: Answer,
}

type Http<S> = Connection<TokioIo<StallLimited<S>>, Arc<Door>>;

/// Takes the answer to a request.
type Answer = oneshot::Sender<Response<Full<Bytes>>>;

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<S> {
    /// Reads the head of a request.
    pub(super) async fn read(
        stream: S,
        limits: &HttpLimits,
    ) -> Result<(Self, Request<()>), AcceptError> {
        let door = Arc::new(Door::default());
        let io = TokioIo::new(StallLimited::new(stream));
        // A client that has ended its direction gets its answer all the same.
        let mut builder = http1(limits);
        let builder = builder.half_close(true);
        let mut http = Box::new(builder.serve_connection(io, Arc::clone(&door)));
        let ended = poll_fn(|cx| {
            let served = http.poll_without_shutdown(cx);
            match door.take() {
                Some(knock) => Poll::Ready(Ok(knock)),
                None => served.map(Err),
            }
        });
        match ended.await {
            Ok((head, answer)) => Ok((Self { http, answer }, head)),
            Err(Ok(())) => Err(failed(*http, AcceptError::Eof, &[]).await),
            Err(Err(error)) if error.is_timeout() => {
                Err(failed(*http, AcceptError::TimedOut, REQUEST_TIMEOUT).await)
            }
            Err(Err(error)) => Err(failed(*http, AcceptError::Http(error), &[]).await),
        }
    }

    /// Answers that the stream becomes another; gives it, and what came behind the request.
    pub(super) async fn switch(self, response: Response<()>) -> Result<(S, Bytes), AcceptError> {
        let http = self.finish(response.map(|()| Full::default())).await?;
        let Parts { io, read_buf, .. } = http.into_parts();
        Ok((io.into_inner().into_inner(), read_buf))
    }

    /// Answers and ends the stream.
    pub(super) async fn respond(self, response: Response<Full<Bytes>>) -> Result<(), AcceptError> {
        let http = self.finish(response).await?;
        end(stream(http), &[]).await;
        Ok(())
    }

    /// Answers with a refusal and ends the stream; gives the error that says so.
    pub(super) async fn refuse(
        self,
        response: Response<Full<Bytes>>,
        refusal: Refusal,
    ) -> AcceptError {
        let refused = AcceptError::Refused(refusal);
        self.respond(response).await.err().unwrap_or(refused)
    }

    /// Writes the answer.
    async fn finish(self, response: Response<Full<Bytes>>) -> Result<Http<S>, AcceptError> {
        let Self { mut http, answer } = self;
        // It is taken: the request waits for it.
        let _ = answer.send(response);
        match poll_fn(|cx| poll_http(&mut http, cx)).await {
            Ok(()) => Ok(*http),
            Err(error) => Err(failed(*http, AcceptError::Http(error), &[]).await),
        }
    }
}

fn poll_http<S>(http: &mut Http<S>, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    http.poll_without_shutdown(cx)
}

/// Ends a stream that has failed, with some last bytes; gives back the error.
async fn failed<S>(http: Http<S>, error: AcceptError, last: &[u8]) -> AcceptError
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    end(stream(http), last).await;
    error
}

fn stream<S>(http: Http<S>) -> S
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    http.into_parts().io.into_inner().into_inner()
}

impl<S> fmt::Debug for Exchange<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

/// Where hyper brings the request.
#[derive(Default)]
struct Door(Mutex<Option<(Request<()>, Answer)>>);

impl Door {
    fn take(&self) -> Option<(Request<()>, Answer)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<Full<Bytes>>;
    type Error = oneshot::error::RecvError;
    type Future = oneshot::Receiver<Response<Full<Bytes>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (answer, answered) = oneshot::channel();
        let mut knock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *knock = Some((head(&request), answer));
        answered
    }
}
