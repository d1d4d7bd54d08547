//! Whom encrypted connections trust: the system's authorities and those that the operator added.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// What is needed for TLS. The provider is given here and not installed for the process, which could be done only once.
pub(super) fn read(ca_file: &Path) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if !ca_file.as_os_str().is_empty() {
        add(&mut roots, ca_file).map_err(|text| format!("outbound.ca_file: {}: {text}", ca_file.display()))?;
    }
    if roots.is_empty() {
        log::warn!("The system has no certificate authorities, so nothing can be asked over https (outbound.ca_file)");
    }
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let text = fs::read(file).map_err(|error| format!("The file cannot be read ({error})"))?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_| "The file is not well-formed PEM".to_owned())?;
        roots.add(certificate).map_err(|_| "The file has a certificate that cannot be read".to_owned())?;
    }
    match roots.len() == before {
        true => Err("The file has no certificate in PEM, between BEGIN CERTIFICATE and END CERTIFICATE".to_owned()),
        false => Ok(()),
    }
}
