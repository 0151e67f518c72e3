//! What a message may point at.

use moothall_protocol::communication::Attachment;
use moothall_protocol::limits::ATTACHMENT_DATA_BYTES_MAX;
use url::Url;

use super::Error;
use super::filter::{self, WordFilter};

/// Checks attachments; what people read of them is tidied and compared with the word list. `/attachments/2/url` is where a fault is.
pub(super) fn check(attachments: Vec<Attachment>, words: &WordFilter) -> Result<Vec<Attachment>, Error> {
    attachments
        .into_iter()
        .enumerate()
        .map(|(index, attachment)| check_one(index, attachment, words))
        .collect()
}

fn check_one(index: usize, attachment: Attachment, words: &WordFilter) -> Result<Attachment, Error> {
    let wrong = |field: &str, code: &str, message: String| {
        Err(crate::Error::field(&format!("/attachments/{index}/{field}"), code, message).into())
    };
    match attachment {
        Attachment::Link { url, title } => {
            let Some(url) = link(&url) else {
                return wrong(
                    "url",
                    "invalid",
                    "a link is http or https, with a host and no password".into(),
                );
            };
            let title = title.map(|title| filter::one_line(&title)).filter(|title| !title.is_empty());
            let title = title.map(|title| words.check(title)).transpose()?;
            Ok(Attachment::Link { url, title })
        }
        Attachment::Custom { name, data } => {
            let bytes = data.to_string().len();
            if bytes > ATTACHMENT_DATA_BYTES_MAX {
                let message = format!("{bytes} bytes of JSON; at most {ATTACHMENT_DATA_BYTES_MAX}");
                let path = format!("/attachments/{index}/data");
                return Err(crate::Error::most(&path, "too_large", message, ATTACHMENT_DATA_BYTES_MAX).into());
            }
            Ok(Attachment::Custom { name, data })
        }
        Attachment::Lobby { .. } | Attachment::Match { .. } | Attachment::Replay { .. } => Ok(attachment),
    }
}

/// The address as it will be opened, if it is one that a client may open.
fn link(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let has_login = !url.username().is_empty() || url.password().is_some();
    (is_web && url.has_host() && !has_login).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_what_a_browser_may_open() {
        assert_eq!(link("HTTPS://Example.org/a b"), Some("https://example.org/a%20b".to_owned()));
        for refused in [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://user:password@example.org/",
            "https://user@example.org/",
            "http://",
            "//example.org",
            "example.org",
        ] {
            assert_eq!(link(refused), None, "{refused}");
        }
    }

    #[test]
    fn custom_data_has_a_bound() {
        let custom =
            |length: usize| vec![Attachment::Custom { name: "x".into(), data: "y".repeat(length).into() }];
        check(custom(ATTACHMENT_DATA_BYTES_MAX - 2), &WordFilter::default()).unwrap();
        assert!(check(custom(ATTACHMENT_DATA_BYTES_MAX - 1), &WordFilter::default()).is_err());
    }
}
