// Interactive view of one voxel scene, without any library: greedy mesher, orbit camera, WebGL 2.
//
// `scene` is the JSON object that gallery.py writes: shape [X, Y, Z], voxel_m [3], names, colors, labels
// (base64 of zlib-packed bytes, z fastest), and the cameras of the pictures below, if there are any. The mesh is made
// here, not shipped, because hiding a class must uncover what it hid: every toggle meshes anew.

"use strict";

async function unpackLabels(text) {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Rectangles of equal exposed faces: 4 vertices each of (x, y, z: uint16, label: uint8, face: uint8).
// Face numbers are 2 * axis + (1 on the positive side).
function meshVisible(labels, shape, visible) {
  const stride = [shape[1] * shape[2], shape[2], 1];
  let capacity = 1 << 15, count = 0;
  let bytes = new ArrayBuffer(capacity * 32);
  let points = new Uint16Array(bytes), marks = new Uint8Array(bytes);
  for (let axis = 0; axis < 3; axis++) {
    const ua = (axis + 1) % 3, va = (axis + 2) % 3;
    const U = shape[ua], V = shape[va], mask = new Uint8Array(U * V);
    for (let side = 0; side < 2; side++) {
      for (let level = 0; level < shape[axis]; level++) {
        const beyond = side ? level + 1 : level - 1;
        const open = beyond < 0 || beyond >= shape[axis];
        const step = (side ? 1 : -1) * stride[axis];
        let some = 0;
        for (let u = 0; u < U; u++) {
          let at = level * stride[axis] + u * stride[ua];
          for (let v = 0; v < V; v++, at += stride[va]) {
            const label = labels[at];
            const seen = visible[label] && (open || !visible[labels[at + step]]) ? label : 0;
            mask[u * V + v] = seen;
            some |= seen;
          }
        }
        if (!some) continue;
        for (let u = 0; u < U; u++) {
          for (let v = 0; v < V; ) {
            const label = mask[u * V + v];
            if (!label) { v++; continue; }
            let dv = 1, du = 1;
            while (v + dv < V && mask[u * V + v + dv] === label) dv++;
            grow: for (; u + du < U; du++) {
              for (let i = 0; i < dv; i++) if (mask[(u + du) * V + v + i] !== label) break grow;
            }
            for (let i = 0; i < du; i++) mask.fill(0, (u + i) * V + v, (u + i) * V + v + dv);
            if (count === capacity) {
              capacity *= 2;
              const more = new ArrayBuffer(capacity * 32);
              new Uint8Array(more).set(marks);
              bytes = more; points = new Uint16Array(bytes); marks = new Uint8Array(bytes);
            }
            for (let corner = 0; corner < 4; corner++) {
              const c = side ? corner : 3 - corner, base = (count * 4 + corner) * 4;
              points[base + axis] = level + side;
              points[base + ua] = u + (c === 1 || c === 2 ? du : 0);
              points[base + va] = v + (c >= 2 ? dv : 0);
              marks[base * 2 + 6] = label;
              marks[base * 2 + 7] = 2 * axis + side;
            }
            count++;
            v += dv;
          }
        }
      }
    }
  }
  const index = new Uint32Array(count * 6);
  for (let q = 0; q < count; q++) index.set([4 * q, 4 * q + 1, 4 * q + 2, 4 * q, 4 * q + 2, 4 * q + 3], 6 * q);
  return { vertices: marks.subarray(0, count * 32), index };
}

const VERTEX = `#version 300 es
layout(location = 0) in vec3 corner;
layout(location = 1) in vec2 mark;
uniform mat4 clip_from_metres;
uniform vec3 voxel_m, middle_m;
flat out int label, face;
out vec3 at;
void main() {
  label = int(mark.x); face = int(mark.y); at = corner;
  // Rectangles meet at T-junctions: a hair of overlap keeps the background from shining through.
  int axis = face / 2, c = face % 2 == 1 ? gl_VertexID % 4 : 3 - gl_VertexID % 4;
  vec3 wide = corner;
  wide[(axis + 1) % 3] += c == 1 || c == 2 ? 0.012 : -0.012;
  wide[(axis + 2) % 3] += c >= 2 ? 0.012 : -0.012;
  gl_Position = clip_from_metres * vec4(wide * voxel_m - middle_m, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler3D;
flat in int label, face;
in vec3 at;
uniform sampler3D solid;
uniform sampler2D palette;
uniform vec3 shape, sun;
uniform float lines;
out vec4 color;
float full(vec3 p, float level) {
  vec3 s = p / shape;
  vec3 inside = step(vec3(0.0), s) * step(s, vec3(1.0));
  return inside.x * inside.y * inside.z * textureLod(solid, s.zyx, level).r;
}
void main() {
  int axis = face / 2;
  vec3 n = vec3(0.0);
  n[axis] = face % 2 == 1 ? 1.0 : -1.0;
  vec3 p = at + n * 0.02;
  float open = 1.0 - 0.55 * full(p + n * 1.3, 0.7);
  open *= 1.0 - 0.60 * full(p + n * 3.0 + vec3(0, 0, 1), 1.6);
  open *= 1.0 - 0.60 * full(p + n * 6.0 + vec3(0, 0, 3), 2.5);
  open *= 1.0 - 0.50 * full(p + n * 10.0 + vec3(0, 0, 6), 3.3);
  float facing = dot(n, sun), lit = max(facing, 0.0);
  if (facing > 0.0) {
    vec3 q = p + n * 0.75 + sun * 0.35;
    for (int i = 0; i < 90; i++) {
      if (q.z > shape.z || lit < 0.01) break;
      lit *= 1.0 - 0.62 * smoothstep(0.35, 0.9, full(q, 0.0));
      q += sun * 0.7;
    }
  }
  vec3 albedo = pow(texelFetch(palette, ivec2(label, 0), 0).rgb, vec3(2.0)) * 0.92 + 0.035;
  vec3 sky = vec3(0.44, 0.47, 0.54) * open * (0.72 + 0.28 * n.z);
  vec3 light = albedo * (sky + vec3(0.92, 0.87, 0.78) * lit);
  vec3 cell = abs(fract(at - 0.5) - 0.5), width = fwidth(at);
  cell[axis] = 1.0; width[axis] = 0.0;
  vec3 edge = 1.0 - smoothstep(vec3(0.0), width * 1.2 + 1e-5, cell);
  float fade = clamp(0.22 - max(width.x, max(width.y, width.z)), 0.0, 0.2) * lines;
  light *= 1.0 - fade * max(edge.x, max(edge.y, edge.z));
  color = vec4(pow(light, vec3(0.4545)), 1.0);
}`;

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

// Column-major clip_from_metres of a camera that orbits `target`; z is up.
function orbitMatrix(orbit, aspect) {
  const { yaw, pitch, distance, target } = orbit;
  const cp = Math.cos(pitch), sp = Math.sin(pitch), cy = Math.cos(yaw), sy = Math.sin(yaw);
  const forward = [cp * cy, cp * sy, -sp], right = [sy, -cy, 0], up = [sp * cy, sp * sy, cp];
  const eye = target.map((t, i) => t - distance * forward[i]);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const f = 1 / Math.tan(0.5 * 0.62), near = distance * 0.02, far = distance * 8 + 400;
  const a = (far + near) / (near - far), b = (2 * far * near) / (near - far);
  const fx = aspect < 1 ? f : f / aspect, fy = aspect < 1 ? f * aspect : f;
  return {
    right, up, forward,
    matrix: new Float32Array([
      fx * right[0], fy * up[0], -a * forward[0], forward[0],
      fx * right[1], fy * up[1], -a * forward[1], forward[1],
      fx * right[2], fy * up[2], -a * forward[2], forward[2],
      -fx * dot(right, eye), -fy * dot(up, eye), a * dot(forward, eye) + b, -dot(forward, eye),
    ]),
  };
}

// Clip space from metres for a camera whose whole picture lies within a canvas, and the share of it that it fills.
function cameraMatrix(camera, aspect) {
  const x = Math.min(1, camera.aspect / aspect), y = Math.min(1, aspect / camera.aspect);
  return { x, y, matrix: Float32Array.from(camera.clip_from_view, (m, i) => m * [x, y, 1, 1][i % 4]) };
}

// The sliders of camera and picture: shows one frame's pictures at a time. Returns what is set, and `onChange` to hear
// of it.
function startFrames(cameras) {
  const get = (id) => document.getElementById(id), state = { frame: 0, through: false, onChange: () => {} };
  if (!cameras.length) return state;
  const figures = [...document.querySelectorAll("figure[data-frame]")];
  function show() {
    state.frame = Number(get("frame").value);
    for (const figure of figures) figure.hidden = Number(figure.dataset.frame) !== state.frame;
    get("which").textContent = `${state.frame + 1} / ${cameras.length}`;
    get("over").src = figures.find((figure) => !figure.hidden).querySelector("img").src;
    get("over").style.opacity = get("opacity").value;
    state.onChange();
  }
  get("frame").max = cameras.length - 1;
  get("stepping").hidden = cameras.length === 1;
  get("camera").hidden = get("through").hidden = false;
  function enter() {
    if (!state.through) get("classes").open = false;
    state.through = true;
    show();
  }
  for (const [id, event] of [["frame", "input"], ["opacity", "input"], ["through", "click"]]) {
    get(id).addEventListener(event, enter);
  }
  show();
  return state;
}

function complain(note, text) {
  note.textContent = text;
  note.style.display = "block";  // also where narrow windows hide the hint
}

async function startViewer(scene, canvas, legend, note, frames) {
  const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
  if (!gl) { complain(note, "This browser shows no WebGL 2; the pictures below need none."); return; }
  const labels = await unpackLabels(scene.labels);
  const shape = scene.shape, extent = shape.map((n, i) => n * scene.voxel_m[i]);
  const counts = new Uint32Array(256);
  for (const label of labels) counts[label]++;
  const visible = new Uint8Array(256);
  scene.names.forEach((_, k) => { visible[k] = k > 0 ? 1 : 0; });

  const shader = program(gl, VERTEX, FRAGMENT);
  const uniform = (name) => gl.getUniformLocation(shader, name);
  const vertices = gl.createBuffer(), elements = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, vertices);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, elements);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 3, gl.UNSIGNED_SHORT, false, 8, 0);
  gl.enableVertexAttribArray(1);
  gl.vertexAttribPointer(1, 2, gl.UNSIGNED_BYTE, false, 8, 6);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.activeTexture(gl.TEXTURE1);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  const colors = new Uint8Array(256 * 4).fill(255);
  scene.colors.forEach((c, k) => colors.set(c, 4 * k));
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, colors);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.activeTexture(gl.TEXTURE0);
  gl.bindTexture(gl.TEXTURE_3D, gl.createTexture());
  gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) {
    gl.texParameteri(gl.TEXTURE_3D, side, gl.CLAMP_TO_EDGE);
  }

  let indices = 0;
  function remesh() {
    const mesh = meshVisible(labels, shape, visible);
    indices = mesh.index.length;
    gl.bufferData(gl.ARRAY_BUFFER, mesh.vertices, gl.STATIC_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.index, gl.STATIC_DRAW);
    const solid = labels.map((label) => (visible[label] ? 255 : 0));
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, shape[2], shape[1], shape[0], 0, gl.RED, gl.UNSIGNED_BYTE, solid);
    gl.generateMipmap(gl.TEXTURE_3D);
    draw();
  }

  const narrow = canvas.clientWidth < canvas.clientHeight;
  const home = () => ({
    yaw: 0.5, pitch: 0.62, distance: (narrow ? 2.5 : 1.84) * Math.max(extent[0], extent[1]),
    target: [-0.02 * extent[0], (narrow ? -0.03 : -0.1) * extent[1], -0.3 * extent[2]],
  });
  const over = document.getElementById("over");
  let orbit = home(), view, waiting = false;
  const length = Math.hypot(-0.42, 0.62, 0.95);
  const sun = [-0.42 / length, 0.62 / length, 0.95 / length].map((s, i) => s / scene.voxel_m[i] * scene.voxel_m[0]);

  function paint() {
    waiting = false;
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    const W = Math.max(1, Math.round(canvas.clientWidth * scale));
    const H = Math.max(1, Math.round(canvas.clientHeight * scale));
    if (canvas.width !== W || canvas.height !== H) { canvas.width = W; canvas.height = H; }
    gl.viewport(0, 0, W, H);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.CULL_FACE);
    gl.useProgram(shader);
    view = orbitMatrix(orbit, W / H);
    const seen = frames.through ? cameraMatrix(scene.cameras[frames.frame], W / H) : view;
    gl.uniformMatrix4fv(uniform("clip_from_metres"), false, seen.matrix);
    over.hidden = !frames.through;
    note.hidden = frames.through;
    if (frames.through) {
      over.style.width = `${100 * seen.x}%`; over.style.left = `${50 * (1 - seen.x)}%`;
      over.style.height = `${100 * seen.y}%`; over.style.top = `${50 * (1 - seen.y)}%`;
    }
    gl.uniform3fv(uniform("voxel_m"), scene.voxel_m);
    gl.uniform3fv(uniform("middle_m"), extent.map((e) => e / 2));
    gl.uniform3fv(uniform("shape"), shape);
    gl.uniform3fv(uniform("sun"), sun);
    gl.uniform1f(uniform("lines"), 1.0);
    gl.uniform1i(uniform("solid"), 0);
    gl.uniform1i(uniform("palette"), 1);
    gl.drawElements(gl.TRIANGLES, indices, gl.UNSIGNED_INT, 0);
  }
  function draw() { if (!waiting) { waiting = true; requestAnimationFrame(paint); } }

  frames.onChange = draw;

  // Whoever turns or moves what a camera sees goes on from where it stands.
  function leaveCamera() {
    if (!frames.through) return;
    frames.through = false;
    const { eye, forward } = scene.cameras[frames.frame], distance = 0.15 * Math.max(...extent);
    orbit = {
      yaw: Math.atan2(forward[1], forward[0]), pitch: -Math.asin(forward[2]), distance,
      target: eye.map((e, i) => e + distance * forward[i]),
    };
  }
  function turn(dx, dy) {
    orbit.yaw -= dx * 0.006;
    orbit.pitch = Math.min(1.55, Math.max(-0.2, orbit.pitch + dy * 0.006));
  }
  function pan(dx, dy) {
    const by = orbit.distance * 0.62 / canvas.clientHeight;
    for (let i = 0; i < 3; i++) orbit.target[i] += by * (-dx * view.right[i] + dy * view.up[i]);
  }
  function zoom(factor) {
    const far = 6 * Math.max(...extent), near = 2 * Math.max(...scene.voxel_m);
    orbit.distance = Math.min(far, Math.max(near, orbit.distance * factor));
  }

  const fingers = new Map();
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    leaveCamera();
    const now = [event.clientX, event.clientY], dx = now[0] - before[0], dy = now[1] - before[1];
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) + 1;
      zoom(apart(before) / apart(now));
      pan(dx / 2, dy / 2);
    } else if (event.buttons & 6 || event.shiftKey) pan(dx, dy);
    else turn(dx, dy);
    fingers.set(event.pointerId, now);
    draw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    leaveCamera();
    zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.0022));
    draw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own
    const keys = {
      ArrowLeft: () => turn(-20, 0), ArrowRight: () => turn(20, 0), ArrowUp: () => turn(0, 20),
      ArrowDown: () => turn(0, -20), "+": () => zoom(0.85), "-": () => zoom(1.18), "0": () => { orbit = home(); },
    };
    if (keys[event.key]) { event.preventDefault(); leaveCamera(); keys[event.key](); draw(); }
  });
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => location.reload());
  const places = {
    whole: home,
    above: () => ({ ...home(), yaw: 0, pitch: 1.55, distance: 1.75 * Math.max(extent[0], extent[1]) }),
    street: () => ({
      yaw: 0, pitch: 0.12, distance: 0.34 * extent[0], target: [-0.30 * extent[0], 0, -0.22 * extent[2]],
    }),
  };
  for (const button of document.querySelectorAll("[data-place]")) {
    button.addEventListener("click", () => {
      frames.through = false;
      orbit = places[button.dataset.place]();
      draw();
    });
  }
  new ResizeObserver(draw).observe(canvas);

  const order = scene.names.map((_, k) => k).filter((k) => k > 0 && counts[k]).sort((a, b) => counts[b] - counts[a]);
  const boxes = [];
  if (canvas.clientWidth < 640) legend.parentElement.open = false;
  for (const k of order) {
    const row = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    box.addEventListener("change", () => { visible[k] = box.checked ? 1 : 0; remesh(); });
    boxes.push([k, box]);
    const swatch = document.createElement("i"), name = document.createElement("span"), count = document.createElement("b");
    swatch.style.background = `rgb(${scene.colors[k].join(",")})`;
    name.textContent = scene.names[k];
    count.textContent = counts[k].toLocaleString("en");
    row.append(box, swatch, name, count);
    legend.append(row);
  }
  document.getElementById("all").addEventListener("click", () => {
    const on = boxes.some(([, box]) => !box.checked);
    for (const [k, box] of boxes) { box.checked = on; visible[k] = on ? 1 : 0; }
    remesh();
  });
  remesh();
}

const scene = JSON.parse(document.getElementById("scene").textContent);
startViewer(
  scene, document.getElementById("view"), document.getElementById("legend"), document.getElementById("note"),
  startFrames(scene.cameras),
).catch((error) => complain(document.getElementById("note"), `The 3D view failed: ${error.message}`));
