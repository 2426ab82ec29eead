# The image for every platform, with its bill of materials and its provenance: docker buildx bake --push
variable "TAG" {
  default = "django-outbox-relay"
}
variable "VERSION" {
  default = "0.1.0"
}
variable "REVISION" {
  default = "unknown"
}
variable "PYTHON_IMAGE" {
  default = "python:3.13.9-slim-trixie"
}

group "default" {
  targets = ["image"]
}

target "image" {
  tags      = ["${TAG}:${VERSION}"]
  platforms = ["linux/amd64", "linux/arm64"]
  args = {
    PYTHON_IMAGE = PYTHON_IMAGE
    VERSION      = VERSION
    REVISION     = REVISION
  }
  attest = ["type=sbom", "type=provenance,mode=max"]
}
