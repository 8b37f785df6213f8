// For a page of the tests: Uppy as it is, with its plug-in for tus. `upload(endpoint, options)`
// uploads what was chosen in the page's file input, and answers with the address of the upload,
// or null when Uppy has given up. `uppy` is the one that is at work.
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

const quick = [...Array(20).fill(0), ...Array(20).fill(100)]

window.upload = async (endpoint, options = {}) => {
  window.uppy = new Uppy().use(Tus, { endpoint, retryDelays: quick, ...options })
  const [file] = document.querySelector('input').files
  window.uppy.addFile({ name: file.name, type: file.type, data: file })
  const { successful } = await window.uppy.upload()
  return successful.length ? successful[0].uploadURL : null
}
