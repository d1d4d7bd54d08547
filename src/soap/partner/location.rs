//! Where a description's other documents are: references resolved against the address of the document that has them
//! (RFC 3986 §5). It fetches nothing and judges no address; whoever fetches does both.

/// The address that a reference means in a document at `base`, without a fragment.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or_default().trim();
    let base = base.split('#').next().unwrap_or_default();
    if scheme(reference).is_some() {
        return reference.to_owned();
    }
    let (scheme, rest) = match scheme(base) {
        Some(scheme) => (format!("{scheme}:"), base.get(scheme.len() + 1..).unwrap_or_default()),
        None => (String::new(), base),
    };
    if reference.starts_with("//") {
        return format!("{scheme}{reference}");
    }
    let (authority, rest) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
            (format!("//{authority}"), rest)
        }
        None => (String::new(), rest),
    };
    let base_path = rest.split('?').next().unwrap_or_default();
    let (path, query) = match reference.find('?').and_then(|at| reference.split_at_checked(at)) {
        Some((path, query)) => (path, query),
        None => (reference, ""),
    };
    let path = match path {
        "" if query.is_empty() => return base.to_owned(),
        "" => base_path.to_owned(),
        path if path.starts_with('/') => without_dots(path),
        path => {
            let directory = base_path.rfind('/').and_then(|at| base_path.get(..=at));
            let root = if authority.is_empty() { "" } else { "/" };
            without_dots(&format!("{}{path}", directory.unwrap_or(root)))
        }
    };
    format!("{scheme}{authority}{path}{query}")
}

fn scheme(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once(':')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_part);
    is_scheme.then_some(scheme)
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            // The first segment of an absolute path is the nothing before its slash.
            ".." if kept.len() > 1 || kept.first().is_some_and(|first| !first.is_empty()) => drop(kept.pop()),
            ".." => {}
            segment => kept.push(segment),
        }
        if is_last && matches!(segment, "." | "..") {
            kept.push("");
        }
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_the_standard_says() {
        const BASE: &str = "http://a/b/c/d;p?q";
        for (reference, address) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("g#s", "http://a/b/c/g"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
        ] {
            assert_eq!(resolve(BASE, reference), address, "{reference}");
        }
        assert_eq!(resolve("http://a", "g"), "http://a/g");
        assert_eq!(resolve("http://a?wsdl", "?xsd=1"), "http://a?xsd=1");
        assert_eq!(resolve("http://a/s?wsdl", "?xsd=xsd0"), "http://a/s?xsd=xsd0");
        assert_eq!(resolve("orders.wsdl", "types/order.xsd"), "types/order.xsd");
        assert_eq!(resolve("here/orders.wsdl", "../order.xsd"), "order.xsd");
    }
}
