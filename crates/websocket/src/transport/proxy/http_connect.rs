//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 §9.3.6).

use http::{
    HeaderValue, Method, Request, Uri,
    header::{HOST, PROXY_AUTHORIZATION},
};

use crate::{
    client::exchange::exchange,
    transport::{Transport, proxy::ProxyError},
};

pub(super) async fn tunnel(
    stream: Transport,
    host: &str,
    port: u16,
    authorization: Option<&HeaderValue>,
) -> Result<Transport, ProxyError> {
    let request = request(&format!("{host}:{port}"), authorization)?;
    let exchanged = exchange(stream, request).await.map_err(ProxyError::Http)?;
    let Some((stream, leftover)) = exchanged.stream else {
        return Err(ProxyError::Status(exchanged.response.status()));
    };
    // Neither TLS nor WebSocket lets the server speak first.
    if !leftover.is_empty() {
        return Err(ProxyError::Violation("bytes behind its answer"));
    }
    Ok(stream)
}

fn request(
    authority: &str,
    authorization: Option<&HeaderValue>,
) -> Result<Request<()>, ProxyError> {
    let invalid = || ProxyError::Violation("the host cannot be asked for");
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = Uri::try_from(authority).map_err(|_| invalid())?;
    let host = HeaderValue::try_from(authority).map_err(|_| invalid())?;
    request.headers_mut().insert(HOST, host);
    if let Some(authorization) = authorization {
        let headers = request.headers_mut();
        headers.insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    Ok(request)
}
