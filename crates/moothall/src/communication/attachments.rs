//! What a message may point at.

use moothall_protocol::communication::Attachment;
use moothall_protocol::limits::ATTACHMENT_DATA_BYTES_MAX;
use serde_json::Value;
use url::Url;

use super::Error;
use crate::filter::{self, WordFilter};

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
            if blocks_host(&url, words) {
                return Err(Error::Blocked);
            }
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
            // The name is one that programs know: there is nothing to mask in it.
            if is_marked(&name, words) {
                return Err(Error::Blocked);
            }
            Ok(Attachment::Custom { name, data: masked(data, words)? })
        }
        Attachment::Lobby { .. } | Attachment::Match { .. } | Attachment::Replay { .. } => Ok(attachment),
    }
}

/// Whether a part of the host is a listed word: a host with asterisks in it would be no host.
fn blocks_host(url: &str, words: &WordFilter) -> bool {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).map(url::quirks::domain_to_unicode).unwrap_or_default();
    host.split('.').any(|part| is_marked(part, words))
}

fn is_marked(text: &str, words: &WordFilter) -> bool {
    words.check(text.to_owned()).as_deref() != Ok(text)
}

/// The data with its listed words masked, in whatever text of it they stand.
fn masked(data: Value, words: &WordFilter) -> Result<Value, Error> {
    Ok(match data {
        Value::String(text) => Value::String(words.check(text)?),
        Value::Array(items) => items.into_iter().map(|item| masked(item, words)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| {
                if is_marked(&key, words) { Err(Error::Blocked) } else { Ok((key, masked(value, words)?)) }
            });
            Value::Object(fields.collect::<Result<_, _>>()?)
        }
        other => other,
    })
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
    use serde_json::json;

    use super::*;
    use crate::filter::{FilteredWord, WordVerdict};

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
    fn listed_words_are_found_in_hosts_and_in_custom_data() {
        let entry = |word: &str, verdict| FilteredWord { word: word.into(), verdict };
        let list = [entry("darn", WordVerdict::Mask), entry("slur", WordVerdict::Block)];
        let words = WordFilter::new(&list).unwrap();
        let one = |attachment| check(vec![attachment], &words);
        let link = |url: &str| one(Attachment::Link { url: url.into(), title: None });
        for blocked in
            ["https://slur.example.org/", "https://example.slur/x", "https://darn.org/", "http://ѕlur.org/"]
        {
            assert!(matches!(link(blocked), Err(Error::Blocked)), "{blocked}");
        }
        link("https://darning.example.org/").unwrap();
        let custom = |data| one(Attachment::Custom { name: "x".into(), data });
        let [Attachment::Custom { data, .. }] = &custom(json!({ "a": ["so darn", 7] })).unwrap()[..] else {
            panic!("one custom attachment");
        };
        assert_eq!(*data, json!({ "a": ["so ****", 7] }));
        for blocked in [json!("a slur"), json!([{ "a": "slur" }]), json!({ "slur": 1 })] {
            assert!(matches!(custom(blocked), Err(Error::Blocked)));
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
