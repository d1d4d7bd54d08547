(function () {
  'use strict';
  var root = document.documentElement;
  root.classList.add('js');
  var status = document.getElementById('status');

  function select(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  // Over plain http there is no clipboard interface; a selection and the old command work everywhere.
  function copySelected(node) {
    select(node);
    try {
      return document.execCommand('copy');
    } catch (error) {
      return false;
    }
  }

  function report(button, done) {
    var text = done ? 'Copied' : 'Selected: press Ctrl+C or ⌘C';
    status.textContent = text;
    button.textContent = done ? 'Copied' : 'Selected';
    window.clearTimeout(button.timer);
    button.timer = window.setTimeout(function () {
      button.textContent = button.dataset.label;
      status.textContent = '';
    }, 2500);
  }

  function reveal() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var details = target && target.closest('details');
    if (details && !details.open) {
      details.open = true;
      target.scrollIntoView();
    }
  }

  document.addEventListener('click', function (event) {
    var button = event.target.closest('button');
    if (!button) return;
    if (button.dataset.copy) {
      var node = document.getElementById(button.dataset.copy);
      button.dataset.label = button.dataset.label || button.textContent;
      if (navigator.clipboard && window.isSecureContext) {
        navigator.clipboard.writeText(node.textContent).then(
          function () { report(button, true); },
          function () { report(button, copySelected(node)); });
      } else {
        report(button, copySelected(node));
      }
    } else if (button.dataset.open) {
      document.querySelectorAll('details.operation').forEach(function (details) {
        details.open = button.dataset.open === 'all';
      });
    }
  });

  window.addEventListener('hashchange', reveal);
  reveal();
})();
