//! The console: one page and what belongs to it, inside the program.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use http_body_util::Full;

/// The page may load only what this server has, and may connect anywhere: that is what it is for.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src *; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the console.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($name:literal)*) => {
        [$(Asset {
            path: concat!("/console/", $name),
            content_type: content_type($name),
            content: include_bytes!(concat!("../console/", $name)),
        }),*]
    };
}

static ASSETS: &[Asset] = &assets![
    "address.js" "chart.js" "close_codes.js" "content.js" "controls.css" "dom.js" "favicon.svg"
    "fields.js" "format.js" "hex.js" "index.html" "layout.css" "log.css" "log.js" "log_link.js"
    "main.js" "server.css" "server_view.js" "stats_feed.js" "stomp_client.js" "stomp_frame.js"
    "stomp_view.js" "tabs.js" "theme.css" "theme.js" "theme_switch.js" "utf8.js"
    "websocket_view.js"
];

/// The file at a path of the server.
pub(crate) fn asset(path: &str) -> Option<&'static Asset> {
    let path = if path == "/" {
        "/console/index.html"
    } else {
        path
    };
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    pub(crate) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(self.content)));
        let headers: [(HeaderName, &'static str); 5] = [
            (CONTENT_TYPE, self.content_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-cache"),
        ];
        for (name, value) in headers {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// By the last letters of the name.
const fn content_type(name: &str) -> &'static str {
    match name.as_bytes() {
        [.., b'c', b's', b's'] => "text/css; charset=utf-8",
        [.., b'h', b't', b'm', b'l'] => "text/html; charset=utf-8",
        [.., b's', b'v', b'g'] => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/console");
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let files: BTreeSet<String> = files
            .map(|name| format!("/console/{}", name.to_str().unwrap()))
            .collect();
        assert_eq!(
            ASSETS
                .iter()
                .map(|asset| asset.path.to_owned())
                .collect::<BTreeSet<_>>(),
            files
        );
    }

    #[test]
    fn the_page_is_at_the_root() {
        let response = asset("/").unwrap().response();
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(response.headers().contains_key(CONTENT_SECURITY_POLICY));
        assert!(asset("/console/").is_none() && asset("/index.html").is_none());
    }
}
